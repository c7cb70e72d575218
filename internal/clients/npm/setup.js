// What cmd/paddock/clients_test.go, which runs these tests, tells them of the server.
const { PADDOCK_URL, PADDOCK_KEY, PADDOCK_NARROW_KEY, PADDOCK_POOR_KEY, PADDOCK_REAL_OLLAMA } = process.env;

export const url = PADDOCK_URL;
export const key = PADDOCK_KEY; // of a user who may use every model
export const narrowKey = PADDOCK_NARROW_KEY; // for tiny-chat alone
export const poorKey = PADDOCK_POOR_KEY; // of a user without tokens

export const answer =
  'Hello! I am tiny-chat, a test model. Unicode: café 日本語 🙂 <b>bold</b> &amp; "quotes"\nGood bye.\n';
// A picture of one red dot.
export const picture =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
export const messages = [{ role: 'user', content: 'hi' }];
export const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'weather',
    parameters: { type: 'object', required: ['city'], properties: { city: { type: 'string' } } },
  },
};

// The test Ollama is scripted to call the tool, under names of their own; the real tiny-tools does.
export const toolsModel = (name) => (PADDOCK_REAL_OLLAMA ? 'tiny-tools' : name);

// A model that calls a tool, and then tells what came of it; the real tiny-tools only calls it.
export const real = Boolean(PADDOCK_REAL_OLLAMA);
export const agent = real ? 'tiny-tools' : 'tiny-agent';

export async function collect(stream) {
  const all = [];
  for await (const part of stream) all.push(part);
  return all;
}

// Waits until the upstream works on a call.
export async function running() {
  for (;;) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    await new Promise((done) => setTimeout(done, 100)); // also for the call to get from us to the upstream
    if (/^paddock_upstream_in_flight\{.*\} [1-9]/m.test(metrics)) return;
  }
}
