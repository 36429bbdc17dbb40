/** `true` is no value of it where `T` is `any` or `unknown`. */
export type Typed<T> = unknown extends T ? false : true;

export function equal(found: unknown, wanted: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${left} is not ${right}`);
}

export function present<T>(value: T | undefined | null): T {
  if (value === undefined || value === null) throw new Error("there is nothing");
  return value;
}
