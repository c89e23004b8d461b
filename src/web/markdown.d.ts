declare module '*.md' {
  const text: string;
  // oxlint-disable-next-line import/no-default-export -- esbuild hands the text of a file over as its default export
  export default text;
}
