export { Payment } from './payment.ts';
