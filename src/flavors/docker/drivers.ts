import docker from '#drivers/docker';
import { flavor } from '#flavor';

export default flavor('docker', [docker]);
