// Loaded before anything else in each thread: the environment variable turns the cache on for the main thread alone, and
// without it each thread would load the TypeScript compiler (15 MB) to strip types that were stripped before.
require('node:module').enableCompileCache();
