import { hostile } from './hostile/suite.js'

hostile('memory')
