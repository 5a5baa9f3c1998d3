import { hostile } from './hostile/suite.js'

hostile('host, rules')
