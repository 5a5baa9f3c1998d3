/** Who asks. */
export interface Caller {
  readonly uid: number
  readonly gid: number
  /** 0 where it is not known. */
  readonly pid: number
  /** A name given by the program that made the view, for policies. */
  readonly name?: string | undefined
  /**
   * The kernel has judged owners, modes and groups already, by what this stack told it of them (a mount's
   * `default_permissions`): a lower that keeps its own does not judge them again. Policies still do. Only a mount's
   * session says so; `withCaller` does not take it over.
   */
  readonly checked?: boolean | undefined
  /** Supplementary groups, where they are known; of the process itself the lower asks the process. */
  readonly groups?: readonly number[] | undefined
}

/** What a request carries beside its arguments. Made for each request, never shared. */
export interface Context {
  readonly caller: Caller
  /** How many changes had begun or ended in this stack when the request set out. */
  readonly epoch: number
  /** How many requests it is nested in: 0 from outside, more from `call()`. */
  readonly depth: number
}

/** The process itself: what in-process faces use unless told otherwise. */
export const processCaller = (): Caller => ({
  uid: process.geteuid?.() ?? 0,
  gid: process.getegid?.() ?? 0,
  pid: process.pid,
})
