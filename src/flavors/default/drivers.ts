import docker from '#drivers/docker';
import kubernetes from '#drivers/kubernetes';
import { flavor } from '#flavor';
import telemetry from '#telemetry';

export default flavor('default', [docker, kubernetes], { telemetry });
