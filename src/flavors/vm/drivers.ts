import vm from '#drivers/vm';
import { flavor } from '#flavor';
import storeSqlite from '#parts/store-sqlite';

export default flavor('vm', {
  drivers: [vm],
  stores: [storeSqlite],
});
