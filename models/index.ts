/** A model of the zoo; paths are below the folder of this file. */
export type ZooModel = {
	readonly name: string;
	/** What it is, in one line. */
	readonly summary: string;
	readonly path: string;
	/** Name of its input. */
	readonly input: string;
	/** Typical inputs that are no test samples: what the compiler takes its ranges from. */
	readonly calibration: string;
	/** Samples of the test set and their labels. */
	readonly samples: string;
	readonly labels: string;
	/** Accuracy of the model itself in the clear, on its whole test set of this size. */
	readonly clearAccuracy: number;
	readonly testSize: number;
};

export const models: readonly ZooModel[] = [
	{
		name: 'mnist-cryptonets',
		summary: 'the CryptoNets network on MNIST: convolution, square, 100, square, 10',
		path: 'mnist-cryptonets/model.onnx',
		input: 'image',
		calibration: 'mnist-cryptonets/model.calibration.npy',
		samples: 'mnist-cryptonets/samples/images.npy',
		labels: 'mnist-cryptonets/samples/labels.npy',
		clearAccuracy: 0.9922,
		testSize: 10000,
	},
	{
		name: 'breast-cancer',
		summary: 'the Wisconsin breast cancer data: 30 features, 16 ReLU, 1 sigmoid',
		path: 'breast-cancer/model.onnx',
		input: 'features',
		calibration: 'breast-cancer/model.calibration.npy',
		samples: 'breast-cancer/samples/features.npy',
		labels: 'breast-cancer/samples/labels.npy',
		clearAccuracy: 138 / 143,
		testSize: 143,
	},
	{
		name: 'tenseal-mnist',
		summary: "the network of TenSEAL's tutorial on MNIST: convolution, square, 64, square, 10",
		path: 'tenseal-mnist/model.onnx',
		input: 'image',
		calibration: 'tenseal-mnist/model.calibration.npy',
		samples: 'tenseal-mnist/samples/images.npy',
		labels: 'tenseal-mnist/samples/labels.npy',
		clearAccuracy: 0.99,
		testSize: 10000,
	},
	{
		name: 'lenet5-mnist',
		summary: 'LeNet-5 on MNIST with squares and average pooling: two convolutions, 120, 84, 10',
		path: 'lenet5-mnist/model.onnx',
		input: 'image',
		calibration: 'lenet5-mnist/model.calibration.npy',
		samples: 'lenet5-mnist/samples/images.npy',
		labels: 'lenet5-mnist/samples/labels.npy',
		clearAccuracy: 0.9952,
		testSize: 10000,
	},
	{
		name: 'mlp-mnist',
		summary: 'a perceptron on MNIST: 784, 128, square, 10',
		path: 'mlp-mnist/model.onnx',
		input: 'image',
		calibration: 'mlp-mnist/model.calibration.npy',
		samples: 'mlp-mnist/samples/images.npy',
		labels: 'mlp-mnist/samples/labels.npy',
		clearAccuracy: 0.9849,
		testSize: 10000,
	},
	{
		name: 'breast-cancer-logistic',
		summary: 'the Wisconsin breast cancer data: logistic regression on 30 features',
		path: 'breast-cancer-logistic/model.onnx',
		input: 'features',
		calibration: 'breast-cancer-logistic/model.calibration.npy',
		samples: 'breast-cancer-logistic/samples/features.npy',
		labels: 'breast-cancer-logistic/samples/labels.npy',
		clearAccuracy: 137 / 143,
		testSize: 143,
	},
];
