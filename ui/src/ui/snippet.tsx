import { CopyButton } from './copy-button';

/** Code to copy. label: what is copied, "Copy example". */
export function Snippet({ code, label }: { code: string; label: string }) {
  return (
    <div className="flex min-w-0 items-start gap-1 rounded-lg bg-hover pl-3">
      {/* A scrollable region must be reachable by keys. */}
      <pre
        tabIndex={0}
        className="scrolls-sideways min-w-0 flex-1 overflow-x-auto py-2 font-mono text-xs leading-relaxed"
      >
        {code}
      </pre>
      <CopyButton text={code} label={label} />
    </div>
  );
}
