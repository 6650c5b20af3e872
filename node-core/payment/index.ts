export { type CreditWish, Payment } from './payment.ts';
export { type Capped, nextDay } from './spending.ts';
