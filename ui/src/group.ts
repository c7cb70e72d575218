/** The items under the names that nameOf gives them, in the order in which the names first come up. */
export function groupBy<Item>(
  items: Item[],
  nameOf: (item: Item) => string,
): [name: string, items: Item[]][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const name = nameOf(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return [...groups];
}
