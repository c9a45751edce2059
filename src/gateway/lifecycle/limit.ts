/** Runs at most `most` tasks at a time; the others wait in order. */
export const createLimit = (most: number): (<T>(task: () => Promise<T>) => Promise<T>) => {
  let active = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (active >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else active++;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) active--;
      else next();
    }
  };
};
