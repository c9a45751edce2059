import docker from '#drivers/docker';
import kubernetes from '#drivers/kubernetes';
import podman from '#drivers/podman';
import vm from '#drivers/vm';
import { flavor } from '#flavor';
import storeSqlite from '#parts/store-sqlite';
import telemetry from '#parts/telemetry';

export default flavor('default', {
  drivers: [docker, kubernetes, podman, vm],
  stores: [storeSqlite],
  telemetry,
});
