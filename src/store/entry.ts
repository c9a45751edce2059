import type { Logger } from '../compute/log.js';
import type { PartEntry } from '../compute/part.js';
import type { Store } from './store.js';

/** Which database, as a store of this build reads its URL. */
export interface DatabaseAddress {
  /** Complete, whatever the working directory; it may hold a password. */
  readonly url: string;
  /** The same without what nobody may read. */
  readonly shown: string;
  /** The file, for a store that is one. */
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
  /** Whether a gateway had the database meanwhile. */
  readonly online: boolean;
}

export interface StoreModule {
  /** The store at a URL of `parseUrl`, made if need be, brought forward to the newest schema, and held alone. */
  openStore(options: OpenStoreOptions): Promise<Store>;
  /** The same for a process that only looks into it for a moment. */
  openBriefly(options: OpenStoreOptions): Promise<Store>;
  /**
   * Copies the database into the new file `to`, whether a gateway runs on it or not, and checks the copy. Undefined:
   * its engine has tools of its own for that.
   */
  readonly backup: ((url: string, to: string) => Promise<Backup>) | undefined;
}

/** A store as a part of a flavor. */
export interface StoreEntry<Name extends string = string> extends PartEntry<'store', StoreModule, Name> {
  /** Of the URLs that it opens, in lower case. */
  readonly schemes: readonly string[];
  /** A URL of one of its schemes as it is used; or what is wrong with it, without what may be a password. */
  parseUrl(url: string): DatabaseAddress | { readonly complaint: string };
}
