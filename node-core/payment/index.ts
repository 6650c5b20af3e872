export { type CreditWish, Payment } from './payment.ts';
