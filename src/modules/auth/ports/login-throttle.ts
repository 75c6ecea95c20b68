export interface KnownNetworks {
  /** Whether the account of this address ever signed in from the network; as long for one that does not exist. */
  has(email: string, network: string): Promise<boolean>;
}
