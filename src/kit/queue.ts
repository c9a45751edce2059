/** What a queue holds back while it is full; a stream is one. */
export interface Source {
  pause(): void;
  resume(): void;
}

export interface QueueOptions<T> {
  /** How much may wait, in units of `cost`. What is let in while less waits may go beyond it, by its own cost. */
  readonly capacity: number;
  /** What an item counts, 0 or more, the same each time it is asked. Default: 1, so that capacity is in items. */
  readonly cost?: (item: T) => number;
  /** `put` waits while this much waits. Default: capacity. Less leaves room for those who cannot wait. */
  readonly putCapacity?: number;
  /** Paused by `accept` at capacity, resumed when less than `resumeBelow` (default: capacity) waits, or none ever will. */
  readonly source?: Source;
  readonly resumeBelow?: number;
}

/**
 * From many writers to one reader, in order and bounded. Each way in says what happens when the queue is full. After
 * `end`, `close`, or when the reader left, nothing is taken any more, no writer waits, and no source is paused.
 *
 * The reader gets items as they come. It may be iterated once, one `next` at a time; leaving the loop closes the queue.
 */
export interface Queue<T> extends AsyncIterable<T> {
  /** Full: refused, and false. True when it was taken, or the queue is over and nobody misses it. */
  offer(item: T): boolean;
  /** Full: waits, in the order of the calls. Resolves when the item is in, or the queue is over. Never rejects. */
  put(item: T): Promise<void>;
  /** Full: the oldest items that cost anything make room for it, and are lost. */
  displace(item: T): void;
  /** Full: taken still, and the source is paused. */
  accept(item: T): void;
  /** From now on `accept` holds the source back no more; it goes on where it was. */
  release(): void;
  /** No more items. The reader gets what waits, that of waiting writers too, and then the end, or `error`. */
  end(error?: unknown): void;
  /** Over at once: what waits is dropped, and the reader gets the end, or `error`. Also after `end`. */
  close(error?: unknown): void;
}

interface Reader<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: unknown): void;
}

export function createQueue<T>(options: QueueOptions<T>): Queue<T> {
  const { capacity, cost = one, putCapacity = capacity, source, resumeBelow = capacity } = options;
  const items: T[] = [];
  const writers: { readonly item: T; resolve(): void }[] = [];
  let waiting = 0;
  let isPaused = false;
  let isReleased = false;
  let isRead = false;
  let reader: Reader<T> | undefined;
  /** Set when nothing more is taken. */
  let over: { readonly error?: unknown } | undefined;
  /** The reader was told so, or left. */
  let isTold = false;

  function add(item: T): void {
    if (reader !== undefined) {
      const { resolve } = reader;
      reader = undefined;
      resolve({ value: item, done: false });
      return;
    }
    items.push(item);
    waiting += cost(item);
  }

  function take(): T {
    const item = items.shift() as T;
    waiting -= cost(item);
    while (writers.length > 0 && waiting < putCapacity) {
      admit();
    }
    if (waiting < resumeBelow) {
      resume();
    }
    return item;
  }

  function admit(): void {
    const writer = writers.shift();
    if (writer === undefined) {
      return;
    }
    add(writer.item);
    writer.resolve();
  }

  function resume(): void {
    if (!isPaused) {
      return;
    }
    isPaused = false;
    source?.resume();
  }

  function finish(error: unknown): void {
    over = { error };
    while (writers.length > 0) {
      admit();
    }
    resume();
    if (reader === undefined) {
      return;
    }
    tell(reader);
    reader = undefined;
  }

  /** The end, or the error that it came with, once. */
  function tell({ resolve, reject }: Reader<T>): void {
    const error = isTold ? undefined : over?.error;
    isTold = true;
    if (error === undefined) {
      resolve(DONE);
    } else {
      reject(error);
    }
  }

  function close(error?: unknown): void {
    if (isTold) {
      return;
    }
    for (const { resolve } of writers.splice(0)) {
      resolve();
    }
    items.length = 0;
    waiting = 0;
    finish(error);
  }

  const iterator: AsyncIterator<T, undefined> = {
    next() {
      if (items.length > 0) {
        return Promise.resolve({ value: take(), done: false });
      }
      return new Promise((resolve, reject) => {
        if (over !== undefined) {
          tell({ resolve, reject });
        } else if (reader !== undefined) {
          reject(new Error('a queue is read one item at a time'));
        } else {
          reader = { resolve, reject };
        }
      });
    },
    return() {
      close();
      isTold = true;
      return Promise.resolve(DONE);
    },
  };

  return {
    offer(item) {
      if (over !== undefined) {
        return true;
      }
      if (waiting >= capacity) {
        return false;
      }
      add(item);
      return true;
    },
    put(item) {
      if (over !== undefined) {
        return RESOLVED;
      }
      if (waiting >= putCapacity) {
        return new Promise((resolve) => writers.push({ item, resolve }));
      }
      add(item);
      return RESOLVED;
    },
    displace(item) {
      if (over !== undefined) {
        return;
      }
      while (waiting > 0 && cost(item) > 0 && waiting >= capacity) {
        const [oldest] = items.splice(
          items.findIndex((old) => cost(old) > 0),
          1,
        );
        waiting -= cost(oldest as T);
      }
      add(item);
    },
    accept(item) {
      if (over !== undefined) {
        return;
      }
      add(item);
      if (waiting < capacity || isPaused || isReleased) {
        return;
      }
      isPaused = true;
      source?.pause();
    },
    release() {
      isReleased = true;
      resume();
    },
    end(error) {
      if (over === undefined) {
        finish(error);
      }
    },
    close,
    [Symbol.asyncIterator]() {
      if (isRead) {
        throw new Error('a queue has one reader');
      }
      isRead = true;
      return iterator;
    },
  };
}

const DONE = { value: undefined, done: true } as const;
const RESOLVED = Promise.resolve();
function one(): number {
  return 1;
}
