/** What an example calls. */
export interface Call {
  /** Where Paddock is, without a slash at the end. */
  url: string;
  /** The API key. */
  secret: string;
  model: string;
  /** Whether the model makes embeddings, and does not chat. */
  embeds: boolean;
}

export function curl({ url, secret, model, embeds }: Call): string {
  const [path, rest] = embeds
    ? ['embeddings', '"input": "Hello"']
    : ['chat/completions', '"messages": [{"role": "user", "content": "Hello"}]'];
  return `curl ${url}/v1/${path} \\
  -H "Authorization: Bearer ${secret}" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${model}",
       ${rest}}'`;
}

/** For the openai package of Python. */
export function openai({ url, secret, model, embeds }: Call): string {
  const call = embeds
    ? python('embeddings.create', model, 'input="Hello"', 'data[0].embedding')
    : python('chat.completions.create', model, HELLO, 'choices[0].message.content');
  return `from openai import OpenAI

client = OpenAI(
    base_url="${url}/v1",
    api_key="${secret}",
)
${call}`;
}

/** For the ollama package of Python. */
export function ollama({ url, secret, model, embeds }: Call): string {
  const call = embeds
    ? python('embed', model, 'input="Hello"', 'embeddings[0]')
    : python('chat', model, HELLO, 'message.content');
  return `# or: export OLLAMA_HOST=${url}
from ollama import Client

client = Client(
    host="${url}",
    headers={"Authorization": "Bearer ${secret}"},
)
${call}`;
}

const HELLO = 'messages=[{"role": "user", "content": "Hello"}]';

function python(method: string, model: string, input: string, result: string): string {
  return `answer = client.${method}(
    model="${model}",
    ${input},
)
print(answer.${result})`;
}
