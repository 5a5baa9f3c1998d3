/** A mount that cannot be: `message` says what is missing, and what to do. */
export class MountError extends Error {
  override readonly name = 'MountError'
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}
