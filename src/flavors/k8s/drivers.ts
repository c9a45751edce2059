import kubernetes from '#drivers/kubernetes';
import { flavor } from '#flavor';

export default flavor('k8s', [kubernetes]);
