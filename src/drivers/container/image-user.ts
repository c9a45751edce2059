/** Whom a container runs as. */
export interface NumericUser {
  readonly uid: number;
  readonly gid: number;
}

const NUMBER = /^\d{1,10}$/;

/** The user of an image by its numbers alone, or undefined when /etc/passwd or /etc/group must be asked. */
export function userFromNumbers(user: string): NumericUser | undefined {
  const [name = '', group] = user.split(':');
  const uid = name === '' || name === 'root' ? 0 : NUMBER.test(name) ? Number(name) : undefined;
  if (uid === 0 && group === undefined) {
    return { uid: 0, gid: 0 };
  }
  return uid !== undefined && group !== undefined && NUMBER.test(group)
    ? { uid, gid: Number(group) }
    : undefined;
}

/**
 * The user of an image as engines resolve it: a name by passwd, a number without an entry has group 0, a group by name or
 * number. Undefined when a name is in neither file.
 */
export function userFromFiles(user: string, passwd: string, group: string): NumericUser | undefined {
  const [name = '', groupName] = user.split(':');
  const entries = passwd.split('\n').map((line) => line.split(':'));
  const entry = entries.find((fields) => fields[0] === name) ?? entries.find((fields) => fields[2] === name);
  const uid = numeric(entry?.[2]) ?? numeric(name);
  if (uid === undefined) {
    return undefined;
  }
  if (groupName === undefined) {
    return { uid, gid: numeric(entry?.[3]) ?? 0 };
  }
  const found = group
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[0] === groupName);
  const gid = numeric(found?.[2]) ?? numeric(groupName);
  return gid === undefined ? undefined : { uid, gid };
}

function numeric(text: string | undefined): number | undefined {
  return text !== undefined && NUMBER.test(text) ? Number(text) : undefined;
}
