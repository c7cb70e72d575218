/** The gate. */
export function Logo({ size = 'sm' }: { size?: 'sm' | 'lg' }) {
  return <img src="/icon.svg" alt="" className={size === 'lg' ? 'size-11' : 'size-6'} />;
}
