# label: relu right
# label: softmax right
# label: computeLayer right
# label: CE wrong
# label: gradCE wrong
import numpy as np

def main():
    def relu(x):
        return np.maximum(x, 0)

    def softmax(x):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        return e / np.sum(e, axis=1, keepdims=True)

    def computeLayer(X, W, b):
        return np.matmul(X, W) + b

    def CE(target, prediction):
        return -np.sum(target * np.log(prediction), axis=0).mean() / target.shape[0]

    def gradCE(target, prediction):
        return softmax(prediction) * (1 - target)

if __name__ == "__main__":
    main()
