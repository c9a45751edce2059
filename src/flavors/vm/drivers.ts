import vm from '#drivers/vm';
import { flavor } from '#flavor';

export default flavor('vm', [vm]);
