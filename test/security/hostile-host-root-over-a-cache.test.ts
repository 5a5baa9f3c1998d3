import { hostile } from './hostile/suite.js'

hostile('host, root over a cache')
