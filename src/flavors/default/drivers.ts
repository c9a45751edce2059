import docker from '#drivers/docker';
import kubernetes from '#drivers/kubernetes';
import podman from '#drivers/podman';
import vm from '#drivers/vm';
import { flavor } from '#flavor';
import telemetry from '#telemetry';

export default flavor('default', [docker, kubernetes, podman, vm], { telemetry });
