import docker from '#drivers/docker';
import { flavor } from '#flavor';
import telemetry from '#telemetry';

export default flavor('default', [docker], { telemetry });
