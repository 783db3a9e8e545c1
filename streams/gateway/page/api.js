// Talks to the gateway: page, experiments, search, events. A token may stand in the address after #token=, which
// browsers do not send to anybody; it goes along as a bearer token.

const fragment = new URLSearchParams(location.hash.slice(1));
export const asked = { profile: fragment.get("profile"), token: fragment.get("token") };

export function headers(more = {}) {
  return asked.token ? { ...more, authorization: `Bearer ${asked.token}` } : more;
}

/** What went wrong, and the HTTP status (0: no answer at all). `retryS` is how long to wait, if it was said. */
export class GatewayError extends Error {
  constructor(status, message, retryS = null) {
    super(message);
    this.status = status;
    this.retryS = retryS;
  }
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: headers(options.headers), cache: "no-store" });
  } catch {
    throw new GatewayError(0, "the gateway does not answer");
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok && answer.status !== 400) {
    const said = body.detail ?? body.error ?? `the gateway answers ${answer.status}`;
    throw new GatewayError(answer.status, String(said), Number(answer.headers.get("retry-after")) || null);
  }
  return body;
}

const part = encodeURIComponent;

export const readPage = (profile) => ask(`/profiles/${part(profile)}/page`);
export const readExperiments = () => ask("/experiments");
export const searchTitles = (query, limit = 12) =>
  ask(`/catalog/titles?query=${part(query)}&limit=${limit}`);

/** The churn score of a profile, or null when there is none yet. */
export async function readChurn(profile) {
  try {
    return await ask(`/profiles/${part(profile)}/churn`);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** Send events in order, one request at a time: what is told while one is under way goes with the next. */
export class EventSender {
  #waiting = [];
  #sending = false;
  #failed;

  constructor(failed) {
    this.#failed = failed;
  }

  send(event) {
    this.#waiting.push(event);
    if (!this.#sending) this.#drain();
  }

  async #drain() {
    this.#sending = true;
    let tries = 0;
    while (this.#waiting.length) {
      const batch = this.#waiting.slice(0, 50);
      try {
        const answer = await ask("/events", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(batch),
        });
        this.#waiting.splice(0, batch.length);
        tries = 0;
        if (answer.rejected?.length) this.#failed(`not taken: ${answer.rejected[0].detail}`);
      } catch (error) {
        tries += 1;
        // Full, busy or away: these events are kept for a while. Anything else will not get better.
        const passing = error.status === 0 || error.status === 429 || error.status === 503;
        if (!passing || tries > 6) {
          this.#waiting.splice(0, batch.length);
          this.#failed(`your last clicks were lost: ${error.message}`);
          tries = 0;
        } else {
          await new Promise((wake) => setTimeout(wake, 1000 * (error.retryS ?? Math.min(tries, 4) / 2)));
        }
      }
    }
    this.#sending = false;
  }
}
