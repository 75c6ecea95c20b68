export interface InFlightLimits {
  /** At the same time, of everybody and of one address. */
  readonly total: number;
  readonly perAddress: number;
}

/** Requests of one isolate that wait for the head of their answer. What is beyond is refused before it costs anything. */
export interface InFlight {
  /** Lets one in, or says that there is no room: for anybody, or for this address. */
  enter(address: string): 'entered' | 'full' | 'address_full';
  leave(address: string): void;
}

export function createInFlight({ total, perAddress }: InFlightLimits): InFlight {
  let all = 0;
  const byAddress = new Map<string, number>();
  return {
    enter(address) {
      const own = byAddress.get(address) ?? 0;
      if (all >= total) return 'full';
      if (own >= perAddress) return 'address_full';
      all += 1;
      byAddress.set(address, own + 1);
      return 'entered';
    },
    leave(address) {
      const own = (byAddress.get(address) ?? 1) - 1;
      all -= 1;
      if (own === 0) byAddress.delete(address);
      else byAddress.set(address, own);
    },
  };
}
