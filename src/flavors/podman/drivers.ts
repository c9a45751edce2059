import podman from '#drivers/podman';
import { flavor } from '#flavor';

export default flavor('podman', [podman]);
