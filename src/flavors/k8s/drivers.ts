import kubernetes from '#drivers/kubernetes';
import { flavor } from '#flavor';
import storeSqlite from '#parts/store-sqlite';

export default flavor('k8s', {
  drivers: [kubernetes],
  stores: [storeSqlite],
});
