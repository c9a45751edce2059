import docker from '#drivers/docker';
import podman from '#drivers/podman';
import { flavor } from '#flavor';
import storeSqlite from '#parts/store-sqlite';
import telemetry from '#parts/telemetry';

export default flavor('edge', {
  drivers: [docker, podman],
  stores: [storeSqlite],
  telemetry,
});
