/** What a client is told. */
export interface Access {
  /** Where Paddock is, without a slash at the end. */
  origin: string;
  /** The API key. */
  key: string;
  model: string;
  /** Whether the model makes embeddings, and does not chat. */
  embeds?: boolean;
}

/** Text to paste. */
export interface Block {
  /** The file that it belongs in; absent for a shell or a program of one's own. */
  file?: string;
  text: string;
}

/** A program or library that calls models. README.md shows the same blocks. */
export interface Client {
  id: string;
  label: string;
  /** What kind of client it is, or the package that it is. */
  detail?: string;
  blocks: (access: Access) => Block[];
  /** Whether its blocks can call a model that only makes embeddings. */
  embeds?: boolean;
  note?: string;
}

/** In the order of the list; the first unless another was chosen before. */
export const clients: [Client, ...Client[]] = [
  { id: 'curl', label: 'curl', blocks: curl, embeds: true },
  {
    id: 'claude-code',
    label: 'Claude Code',
    detail: 'agent',
    blocks: claudeCode,
    note: 'It takes a model that it does not know for one that reads a million tokens. CLAUDE_CODE_MAX_CONTEXT_TOKENS tells it how many yours does.',
  },
  { id: 'codex', label: 'Codex', detail: 'agent', blocks: codex },
  { id: 'opencode', label: 'OpenCode', detail: 'agent', blocks: openCode },
  { id: 'qwen-code', label: 'qwen-code', detail: 'agent', blocks: qwenCode },
  { id: 'python', label: 'Python', detail: 'openai', blocks: python, embeds: true },
  { id: 'javascript', label: 'JavaScript', detail: 'openai', blocks: javaScript },
  { id: 'go', label: 'Go', detail: 'openai-go', blocks: go },
  { id: 'anthropic', label: 'Anthropic SDK', detail: 'JavaScript', blocks: anthropic },
  {
    id: 'ollama',
    label: 'Ollama',
    detail: 'Python',
    blocks: ollama,
    embeds: true,
    note: 'Clients that read OLLAMA_HOST need the key as a header besides. The ollama command itself cannot send one.',
  },
  {
    id: 'url',
    label: 'URL only',
    detail: 'Ollama clients',
    blocks: url,
    embeds: true,
    note: 'For clients that have a field for the address and none for a key. Those that run in a browser or on Node.js refuse such an address.',
  },
];

function curl({ origin, key, model, embeds }: Access): Block[] {
  const [path, input] = embeds
    ? ['embeddings', '"input": "Hello"']
    : ['chat/completions', '"messages": [{"role": "user", "content": "Hello"}]'];
  const text = `curl ${origin}/v1/${path} \\
  -H "Authorization: Bearer ${key}" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${model}",
       ${input}}'`;
  return [{ text }];
}

/** A key of Anthropic's that is set too would be sent beside ours. The haiku model is the one for small tasks. */
function claudeCode({ origin, key, model }: Access): Block[] {
  const text = `export ANTHROPIC_BASE_URL=${origin}
export ANTHROPIC_AUTH_TOKEN=${key}
export ANTHROPIC_DEFAULT_HAIKU_MODEL=${model}
unset ANTHROPIC_API_KEY
claude --model ${model}`;
  return [{ text }];
}

function codex({ origin, key, model }: Access): Block[] {
  const config = `model = "${model}"
model_provider = "paddock"

[model_providers.paddock]
name = "Paddock"
base_url = "${origin}/v1"
env_key = "PADDOCK_API_KEY"
wire_api = "responses"`;
  return [{ file: '~/.codex/config.toml', text: config }, { text: started('codex', key) }];
}

function openCode({ origin, key, model }: Access): Block[] {
  const config = `{
  "$schema": "https://opencode.ai/config.json",
  "model": "paddock/${model}",
  "provider": {
    "paddock": {
      "name": "Paddock",
      "npm": "@ai-sdk/openai-compatible",
      "options": {
        "baseURL": "${origin}/v1",
        "apiKey": "{env:PADDOCK_API_KEY}"
      },
      "models": {
        "${model}": {}
      }
    }
  }
}`;
  return [{ file: 'opencode.json', text: config }, { text: started('opencode', key) }];
}

function started(command: string, key: string): string {
  return `export PADDOCK_API_KEY=${key}
${command}`;
}

function qwenCode({ origin, key, model }: Access): Block[] {
  const text = `export OPENAI_BASE_URL=${origin}/v1
export OPENAI_API_KEY=${key}
export OPENAI_MODEL=${model}
qwen`;
  return [{ text }];
}

function python({ origin, key, model, embeds }: Access): Block[] {
  const call = embeds
    ? pythonCall('embeddings.create', model, 'input="Hello"', 'data[0].embedding')
    : pythonCall('chat.completions.create', model, HELLO, 'choices[0].message.content');
  const text = `from openai import OpenAI

client = OpenAI(
    base_url="${origin}/v1",
    api_key="${key}",
)
${call}`;
  return [{ text }];
}

function ollama({ origin, key, model, embeds }: Access): Block[] {
  const call = embeds
    ? pythonCall('embed', model, 'input="Hello"', 'embeddings[0]')
    : pythonCall('chat', model, HELLO, 'message.content');
  const text = `# or: export OLLAMA_HOST=${origin}
from ollama import Client

client = Client(
    host="${origin}",
    headers={"Authorization": "Bearer ${key}"},
)
${call}`;
  return [{ text }];
}

const HELLO = 'messages=[{"role": "user", "content": "Hello"}]';

function pythonCall(method: string, model: string, input: string, result: string): string {
  return `answer = client.${method}(
    model="${model}",
    ${input},
)
print(answer.${result})`;
}

function javaScript({ origin, key, model }: Access): Block[] {
  const text = `import OpenAI from 'openai';

const client = new OpenAI({
  baseURL: '${origin}/v1',
  apiKey: '${key}',
});
const answer = await client.chat.completions.create({
  model: '${model}',
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(answer.choices[0].message.content);`;
  return [{ text }];
}

function go({ origin, key, model }: Access): Block[] {
  const text = `package main

import (
	"context"
	"fmt"
	"log"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func main() {
	client := openai.NewClient(
		option.WithBaseURL("${origin}/v1"),
		option.WithAPIKey("${key}"),
	)
	answer, err := client.Chat.Completions.New(context.Background(), openai.ChatCompletionNewParams{
		Model:    "${model}",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello")},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Choices[0].Message.Content)
}`;
  return [{ text }];
}

function anthropic({ origin, key, model }: Access): Block[] {
  const text = `import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic({
  baseURL: '${origin}',
  apiKey: '${key}',
});
const answer = await client.messages.create({
  model: '${model}',
  max_tokens: 1024,
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(answer.content.find((block) => block.type === 'text')?.text);`;
  return [{ text }];
}

/** The key is the password; the name is any. */
function url({ origin, key }: Access): Block[] {
  return [{ text: origin.replace('://', `://x:${key}@`) }];
}
