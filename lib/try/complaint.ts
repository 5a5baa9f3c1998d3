/** What the user should read instead of a stack of frames. */
export class Complaint extends Error {}
