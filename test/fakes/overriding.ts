/** The object, but for what is overridden: methods of both are called with the right `this`. */
export function overriding<T extends object>(right: T, overrides: Partial<T>): T {
  return new Proxy(right, {
    get(target, key) {
      const value: unknown = key in overrides ? Reflect.get(overrides, key) : Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
