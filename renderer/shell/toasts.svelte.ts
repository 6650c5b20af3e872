/** Short news at the edge of the window; with a way back where there is one. */

export interface Toast {
  readonly id: number;
  readonly kind: 'done' | 'wrong' | 'news';
  readonly text: string;
  readonly detail?: string;
  readonly action?: { readonly label: string; run(): void };
}

const stayMs = 6_000;
/** What went wrong is to be read. */
const stayWrongMs = 15_000;
const toastsMax = 4;

class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  #lastId = 0;

  show(toast: Omit<Toast, 'id'>): void {
    this.#lastId += 1;
    const id = this.#lastId;
    this.list = [...this.list, { ...toast, id }].slice(-toastsMax);
    setTimeout(() => this.dismiss(id), toast.kind === 'wrong' ? stayWrongMs : stayMs);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
