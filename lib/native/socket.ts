/** Descriptors that come from another process: unix(7), SCM_RIGHTS. */
import { constants } from 'node:os'
import type { Arena } from './arena.js'
import { type Arg, offsetBy, type Sys } from './sys.js'

/** sys/socket.h, asm-generic. */
const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_DONTWAIT = 0x40
const MSG_CMSG_CLOEXEC = 0x40000000

export interface Socket {
  /** socketpair(2) of stream sockets: both ends, closed at exec, or a negative errno. */
  socketpair(): readonly [number, number] | number
  /** recvmsg(2), which does not wait: the descriptor that came, closed at exec. ENODATA where none did, EAGAIN before. */
  receiveFd(socket: number): number
}

const { ENODATA } = constants.errno

export const makeSocket = (sys: Sys, arena: Arena): Socket => {
  const { bytes, view, struct } = arena
  const socketpair = sys.of4('socketpair')
  const recvmsg = sys.of3('recvmsg')
  const address = (offset: number): Arg => offsetBy(struct.address, offset)
  const put = (offset: number, value: Arg): void => view.setBigUint64(struct.at + offset, BigInt(value), true)
  // struct msghdr, struct iovec, one byte of data, and struct cmsghdr with one int: apart from each other.
  const [MSG, IOV, DATA, CONTROL] = [0, 64, 80, 96]
  const CONTROL_SIZE = 24
  const CMSG_LEN = 20
  return {
    socketpair: () => {
      const failed = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, struct.address)
      return failed < 0 ? failed : [view.getInt32(struct.at, true), view.getInt32(struct.at + 4, true)]
    },
    receiveFd: (socket) => {
      bytes.fill(0, struct.at, struct.at + CONTROL + CONTROL_SIZE)
      put(MSG + 16, address(IOV))
      put(MSG + 24, 1)
      put(MSG + 32, address(CONTROL))
      put(MSG + 40, CONTROL_SIZE)
      put(IOV, address(DATA))
      put(IOV + 8, 1)
      const got = recvmsg(socket, address(MSG), MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
      if (got < 0) return got
      const at = struct.at + CONTROL
      const came =
        view.getBigUint64(at, true) === BigInt(CMSG_LEN) &&
        view.getInt32(at + 8, true) === SOL_SOCKET &&
        view.getInt32(at + 12, true) === SCM_RIGHTS
      return came ? view.getInt32(at + 16, true) : -ENODATA
    },
  }
}
