import docker from '#drivers/docker';
import podman from '#drivers/podman';
import { flavor } from '#flavor';
import telemetry from '#telemetry';

export default flavor('edge', [docker, podman], { telemetry });
