import podman from '#drivers/podman';
import { flavor } from '#flavor';
import storeSqlite from '#parts/store-sqlite';

export default flavor('podman', {
  drivers: [podman],
  stores: [storeSqlite],
});
