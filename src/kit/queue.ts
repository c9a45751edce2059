/** A producer that a full queue pauses, such as a stream. */
export interface Source {
  pause(): void;
  resume(): void;
}

export interface QueueOptions<T> {
  /** How much may be queued, in units of `cost`. The last item taken may exceed it by its own cost. */
  readonly capacity: number;
  /** The cost of an item, 0 or more, the same on every call. Default: 1, so that capacity is in items. */
  readonly cost?: (item: T) => number;
  /** `put` waits while this much is queued. Default: capacity. Less leaves room for writers that cannot wait. */
  readonly putCapacity?: number;
  /** Paused by `accept` at capacity, resumed when less than `resumeBelow` (default: capacity) is queued, or at the end. */
  readonly source?: Source;
  readonly resumeBelow?: number;
}

/**
 * A bounded queue from many writers to one reader, in order. Each method for writing says what it does when the queue is
 * full. After `end`, `close`, or when the reader has left, no items are taken, no writer waits, and no source is paused.
 *
 * It may be iterated once, one `next` at a time; leaving the loop closes the queue.
 */
export interface Queue<T> extends AsyncIterable<T> {
  /** Full: refuses, returns false. True when the item was taken, or dropped because the queue is over. */
  offer(item: T): boolean;
  /** Full: waits, in the order of the calls. Resolves when the item is queued, or the queue is over. Never rejects. */
  put(item: T): Promise<void>;
  /** Full: drops the oldest items that have a cost, to make room. */
  displace(item: T): void;
  /** Full: still takes the item, and pauses the source. */
  accept(item: T): void;
  /** From now on `accept` no longer pauses the source, which resumes if it was paused. */
  release(): void;
  /** No more items. The reader receives what is queued, also from waiting writers, then the end or `error`. */
  end(error?: unknown): void;
  /** Ends at once: what is queued is dropped, and the reader receives the end or `error`. Also after `end`. */
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
  /** Set when no more items are taken. */
  let over: { readonly error?: unknown } | undefined;
  /** The reader has received the end, or left. */
  let isEndDelivered = false;

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
    deliverEnd(reader);
    reader = undefined;
  }

  /** Delivers the end, or its error, once. */
  function deliverEnd({ resolve, reject }: Reader<T>): void {
    const error = isEndDelivered ? undefined : over?.error;
    isEndDelivered = true;
    if (error === undefined) {
      resolve(DONE);
    } else {
      reject(error);
    }
  }

  function close(error?: unknown): void {
    if (isEndDelivered) {
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
          deliverEnd({ resolve, reject });
        } else if (reader !== undefined) {
          reject(new Error('a queue is read one item at a time'));
        } else {
          reader = { resolve, reject };
        }
      });
    },
    return() {
      close();
      isEndDelivered = true;
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
