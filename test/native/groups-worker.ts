/** A thread that takes on other groups and another user, and tells what it saw. */
import { parentPort } from 'node:worker_threads'
import { calls } from './calls.js'

parentPort?.postMessage([calls.setgroups([7]), calls.getgroups(), calls.setfsuid(55), calls.setfsuid(0)])
