import { Cpu } from 'lucide-react';
import { Input } from '../../ui/field';
import { Select } from '../../ui/select';
import { type Capability, useModels } from './use-models';

const examples = { completion: 'llama3.2', embedding: 'nomic-embed-text' };

interface ModelPickerProps {
  capability: Capability;
  model: string;
  onChange: (model: string) => void;
}

/** A drop-down of the models; where they cannot be listed, an input for a name. */
export function ModelPicker({ capability, model, onChange }: ModelPickerProps) {
  const { data: models, isPending } = useModels(capability);
  if (isPending) return <div className="h-control w-40" />;
  if (!models || models.length === 0) {
    return (
      <div className="w-44">
        <Input
          key={model}
          aria-label="Model"
          placeholder={`Model, e.g. ${examples[capability]}`}
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
