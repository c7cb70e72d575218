import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Button } from './button';
import { IconButton } from './icon-button';
import { toast } from './toast';

interface CopyButtonProps {
  text: string;
  /** What is copied: "Copy answer". */
  label: string;
  /** Shows the label, not the icon alone. */
  wide?: boolean;
}

/** Copies the text and shows a tick. */
export function CopyButton({ text, label, wide }: CopyButtonProps) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [copied]);

  const onClick = async () => {
    if (await copy(text)) setCopied(true);
    else toast.failed('This browser did not copy it: select the text and copy it yourself.');
  };
  const icon = copied ? <Check className="text-ok-text" /> : <Copy />;
  const said = (
    <span role="status" className="sr-only">
      {copied ? 'Copied' : ''}
    </span>
  );
  return (
    <>
      {wide ? (
        <Button size="sm" onClick={onClick}>
          {icon}
          {copied ? 'Copied' : label}
        </Button>
      ) : (
        <IconButton size="sm" label={label} tip={copied ? 'Copied' : label} icon={icon} onClick={onClick} />
      )}
      {said}
    </>
  );
}

/** Browsers have a clipboard on secure origins only; elsewhere the old command still works. */
export async function copy(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  const onCopy = (event: ClipboardEvent) => {
    event.clipboardData?.setData('text/plain', text);
    event.preventDefault();
  };
  document.addEventListener('copy', onCopy, { once: true });
  return document.execCommand('copy');
}
