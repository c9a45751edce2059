import docker from '#drivers/docker';
import { flavor } from '#flavor';
import storeSqlite from '#parts/store-sqlite';

export default flavor('docker', {
  drivers: [docker],
  stores: [storeSqlite],
});
