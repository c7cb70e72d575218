import { Cpu } from 'lucide-react';
import { Input } from '../../ui/field';
import { Select } from '../../ui/select';
import { useChatModels } from './models';

/** A drop-down of the models; where they cannot be listed, an input for a name. */
export function ModelPicker({ model, onChange }: { model: string; onChange: (model: string) => void }) {
  const { data: models, isPending } = useChatModels();
  if (isPending) return <div className="h-control w-40" />;
  if (!models || models.length === 0) {
    return (
      <div className="w-44">
        <Input
          aria-label="Model"
          placeholder="Model, e.g. llama3.2"
          defaultValue={model}
          onBlur={(event) => onChange(event.target.value.trim())}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
        />
      </div>
    );
  }
  const items = models.map(({ name, parameterSize }) => ({
    value: name,
    label: name,
    detail: parameterSize,
  }));
  // One that is gone from Ollama stays chosen, so that it is seen.
  if (!items.some((item) => item.value === model))
    items.unshift({ value: model, label: model, detail: 'not listed' });
  return <Select label="Model" icon={<Cpu />} items={items} value={model} onChange={onChange} />;
}
