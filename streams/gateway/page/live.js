// Follows the gateway's stream of server-sent events, and comes back when it breaks.
//
// Read with fetch and not with EventSource, which cannot carry a token and hides why it was refused.

import { headers } from "./api.js";

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 5_000;
const SILENT_MS = 20_000;

/**
 * Follow `path` until `stop()` of what is returned is called. `on.event(name, data)` gets each event, `on.open()` every
 * connection, `on.broken(status)` each time it is lost (0: no answer).
 */
export function follow(path, on) {
  let stopped = false;
  let current = null;

  async function once() {
    current = new AbortController();
    let watch = null;
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => current.abort(), SILENT_MS);
    };
    try {
      alive();
      const answer = await fetch(path, {
        headers: headers({ accept: "text/event-stream" }),
        signal: current.signal,
        cache: "no-store",
      });
      if (!answer.ok) return answer.status;
      on.open();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return 0;
        alive();
        text += value;
        for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
          tell(text.slice(0, end));
          text = text.slice(end + 2);
        }
      }
    } catch {
      return 0;
    } finally {
      clearTimeout(watch);
    }
  }

  function tell(block) {
    let name = "message";
    const data = [];
    for (const line of block.split("\n")) {
      if (line.startsWith("event:")) name = line.slice(6).trim();
      else if (line.startsWith("data:")) data.push(line.slice(5));
    }
    if (data.length && !stopped) on.event(name, JSON.parse(data.join("\n")));
  }

  async function keep() {
    let wait = FIRST_WAIT_MS;
    while (!stopped) {
      const since = performance.now();
      const status = await once();
      if (stopped) return;
      if (performance.now() - since > 2 * LONGEST_WAIT_MS) wait = FIRST_WAIT_MS;
      on.broken(status);
      if (status === 401 || status === 403) return;
      await new Promise((wake) => setTimeout(wake, wait * (0.7 + 0.6 * Math.random())));
      wait = Math.min(LONGEST_WAIT_MS, wait * 1.7);
    }
  }

  keep();
  return {
    stop() {
      stopped = true;
      current?.abort();
    },
  };
}
