/** What an example calls. */
export interface Call {
  /** Where Paddock is, without a slash at the end. */
  url: string;
  /** The API key. */
  secret: string;
  model: string;
}

export function curl({ url, secret, model }: Call): string {
  return `curl ${url}/v1/chat/completions \\
  -H "Authorization: Bearer ${secret}" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${model}",
       "messages": [{"role": "user", "content": "Hello"}]}'`;
}

/** For the openai package of Python. */
export function openai({ url, secret, model }: Call): string {
  return `from openai import OpenAI

client = OpenAI(
    base_url="${url}/v1",
    api_key="${secret}",
)
answer = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`;
}

/** For the ollama package of Python. */
export function ollama({ url, secret, model }: Call): string {
  return `# or: export OLLAMA_HOST=${url}
from ollama import Client

client = Client(
    host="${url}",
    headers={"Authorization": "Bearer ${secret}"},
)
answer = client.chat(
    model="${model}",
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.message.content)`;
}
