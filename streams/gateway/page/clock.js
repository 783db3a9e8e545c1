// The time of the service, in milliseconds since the epoch: what the visitor's events are stamped with.
//
// On a service in use that is the wall clock. A demonstration may live in the past and live fast (its simulated
// viewers go through a day in seconds). An event of today would then be an event from its future: everything learned
// would be months old at once. So the visitor joins the service where it is: between plays their clock jumps
// to the newest event time seen, within a play it goes on a second a second, as a player does.

const SAME_TIME_MS = 5 * 60_000;

export class ServiceClock {
  #newest = 0;
  #last = 0;
  #lastAt = 0;

  /** A decision of event time `ts` has been seen. */
  see(ts) {
    if (Number.isFinite(ts)) this.#newest = Math.max(this.#newest, ts);
  }

  /** True once the service is known to live in the past. */
  get past() {
    return this.#newest > 0 && Date.now() - this.#newest > SAME_TIME_MS;
  }

  /** Event time now; `steady` keeps to a second a second since the last event. */
  now(steady) {
    const at = performance.now();
    let ts = Date.now();
    if (this.past) {
      const going = this.#last + Math.round(at - this.#lastAt);
      ts = steady && this.#last ? going : Math.max(going, this.#newest);
    }
    this.#last = Math.max(ts, this.#last + 1);
    this.#lastAt = at;
    return this.#last;
  }
}
