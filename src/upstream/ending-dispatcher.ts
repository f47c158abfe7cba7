import { Dispatcher } from 'undici'

/** undici's `Dispatcher`, whose `close` and `destroy` can each be called in several ways, with one way to implement each. */
export abstract class EndingDispatcher extends Dispatcher {
  /** Takes no more requests; resolves when the last one has ended. */
  protected abstract endInOrder (): Promise<void>
  /** Ends everything at once. */
  protected abstract endNow (error: Error | undefined): void

  override close (): Promise<void>
  override close (callback: () => void): void
  override close (callback?: () => void): Promise<void> | void {
    const closed = this.endInOrder()
    if (callback === undefined) return closed
    closed.then(callback, callback)
  }

  override destroy (): Promise<void>
  override destroy (error: Error | null): Promise<void>
  override destroy (callback: () => void): void
  override destroy (error: Error | null, callback: () => void): void
  override destroy (first?: Error | null | (() => void), second?: () => void): Promise<void> | void {
    this.endNow(first instanceof Error ? first : undefined)
    const callback = typeof first === 'function' ? first : second
    if (callback === undefined) return Promise.resolve()
    queueMicrotask(callback)
  }
}
