import type { Logger } from '../compute/log.js';
import type { PartEntry } from '../compute/part.js';
import type { Store } from './store.js';

/** A database, as a store of this build parses its URL. */
export interface DatabaseAddress {
  /** Independent of the working directory; may contain a password. */
  readonly url: string;
  /** The same without secrets. */
  readonly shown: string;
  /** The file, for a store that is a file. */
  readonly path: string | undefined;
}

export interface OpenStoreOptions {
  readonly url: string;
  readonly log: Logger;
}

export interface Backup {
  readonly bytes: number;
  readonly schema: number;
  readonly sandboxes: number;
  /** Whether a gateway was using the database. */
  readonly online: boolean;
}

export interface StoreModule {
  /** Opens the store at a URL of `parseUrl` exclusively, creating it or upgrading its schema if needed. */
  openStore(options: OpenStoreOptions): Promise<Store>;
  /** The same for a process that only needs it briefly. */
  openBriefly(options: OpenStoreOptions): Promise<Store>;
  /**
   * Copies the database into the new file `to`, whether a gateway runs on it or not, and checks the copy. Undefined:
   * the database has its own tools for that.
   */
  readonly backup: ((url: string, to: string) => Promise<Backup>) | undefined;
}

/** A store as a part of a flavor. */
export interface StoreEntry<Name extends string = string> extends PartEntry<'store', StoreModule, Name> {
  /** URL schemes that it opens, in lower case. */
  readonly schemes: readonly string[];
  /** Parses a URL of one of its schemes; the complaint about an invalid one never contains a password. */
  parseUrl(url: string): DatabaseAddress | { readonly complaint: string };
}
