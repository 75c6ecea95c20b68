/** As much of Uppy as is used. Its own types bring those of a browser with them, which all tests would see. */
export interface UppyLike {
  use(plugin: unknown, options: object): UppyLike;
  addFile(file: { name: string; type: string; data: unknown }): unknown;
  upload(): Promise<{ failed?: readonly unknown[] } | undefined>;
}

type NewUppy = new (options: object) => UppyLike;

/** Uppy with its plugin for TUS. */
export async function uppyWithTus(options: object): Promise<UppyLike> {
  const [core, tus] = await Promise.all(['@uppy/core', '@uppy/tus'].map((name) => import(name)));
  const Uppy: NewUppy = core.default;
  return new Uppy({ autoProceed: false }).use(tus.default, options);
}
